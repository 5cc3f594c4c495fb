"""Values that the lab's services and its clients share."""
