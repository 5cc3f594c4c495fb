"""Configuration to artifact with metrics: export, bind. Here and in torch methods alone is torch imported."""
