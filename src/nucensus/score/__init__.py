"""How good a run is: its centres against a truth, and one run against another."""
