"""HTTP/1.1 in the shapes that clients of OpenAI, Cohere and Jina read; see docs/apis.md."""

from tieback.doors.http.door import Certificate as Certificate
from tieback.doors.http.door import HttpDoor as HttpDoor
from tieback.doors.http.door import HttpOptions as HttpOptions
from tieback.doors.http.edge import EdgeLimits as EdgeLimits
from tieback.doors.http.protocol import ConnectionLimits as ConnectionLimits
