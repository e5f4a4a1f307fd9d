"""What a screen shows for itself: `screen.html`, and files for other programs and for the bench."""
