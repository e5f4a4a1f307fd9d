"""Why a model predicts what it predicts: its two paths, its layers and networks."""
