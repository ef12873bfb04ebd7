"""How far the platform scales: measured inputs, a model of capacity, a simulation, and the comparison of both with real calls."""
