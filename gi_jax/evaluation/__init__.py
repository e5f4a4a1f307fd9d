"""How good predictions are: metrics, calibration, and a model beside others."""
