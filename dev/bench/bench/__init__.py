"""The parts of dev/bench/run: what it stands on (stage), what it measures (measures), what it prints (table)."""
