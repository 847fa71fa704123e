"""One module or package per exchange, each with one `EXCHANGE`; see `simulator.exchange`."""
