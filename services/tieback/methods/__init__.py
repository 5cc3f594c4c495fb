"""The methods of the field, one folder per family, one file per method; they know arrays alone."""
