"""What must hold before anybody reads a number: suites, thresholds as data, and the gate."""
