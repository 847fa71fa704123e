"""Object storage, archives and APIs being read, the ledger of what is held, the warehouse."""
