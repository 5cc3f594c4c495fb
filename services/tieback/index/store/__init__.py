"""Collections on disk: tables of Lance, records, originals."""
