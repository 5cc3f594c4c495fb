"""The image, Compose's layout and the manifests in containers on this machine: `scripts/test containers`.

No file here is a test of pytest. tests/scripts/test_containers.py tries the parts that need no container.
"""
