"""A trained model over HTTP: for programs, and for people in a browser (extra `serve`)."""
