"""Questions whether objects are in photos, in the manner of POPE, and ways to answer them."""
