"""The only rooms on the person's disk: what is read from it, what is written to it, and what ffmpeg makes of it."""
