"""What a run read and wrote, told to a lineage server or a file as OpenLineage events."""
