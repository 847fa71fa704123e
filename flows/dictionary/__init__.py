"""The pages of the tables and of the venues, written from schemas, venue files and metric pages."""
