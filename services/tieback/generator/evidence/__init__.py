"""Evidence as answers use it: read, judged, quoted."""
