"""The stages of a run. They meet only through storage and the ledger; none imports another."""
