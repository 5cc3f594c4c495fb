"""The console: a page of the HTTP door for searching, asking, and seeing what there is.

Its files in `static/` are served as they are.
"""

from tieback.doors.console.routes import ConsoleOptions as ConsoleOptions
from tieback.doors.console.routes import routes as routes
