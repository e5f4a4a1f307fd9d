"""The parts of a screen: what it counts, keeps, writes down and asks for."""
