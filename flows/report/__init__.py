"""The morning report: what a published build says of one UTC day, as data, as charts, as a page."""
