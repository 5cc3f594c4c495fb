"""The console: a page of the HTTP door for searching, asking, and seeing how the deployment is.

    page.py        the page and its files, with a strict content security policy
    asking.py      searches and answers, as JSON and as lines of JSON
    kept.py        what was answered lately, by request id: links lead to it
    originals.py   pictures and sounds of hits
    overview.py    collections, operations, services and their load
    votes.py       votes on hits and claims, in files that recipes learn from
    static/        the page itself: no build, nothing from other hosts

It knows no more than a client: every call goes to the platform with the token of whoever looks at it.
"""

from tieback.doors.console.routes import ConsoleOptions as ConsoleOptions
from tieback.doors.console.routes import routes as routes
