"""Between the contract's messages and `tieback.core.types`, in both directions.

``read_x(message, field)`` makes the Python value and raises InvalidInput with the field's path;
``write_x(value)`` makes the message. Servers read requests and write responses; the adapters of `remote` do
the opposite.
"""

from tieback.serving.conversions import contents  # noqa: F401 - registers the converters of contents
