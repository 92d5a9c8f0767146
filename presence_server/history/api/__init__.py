"""The questions over HTTP, in the recorder process."""
