"""The web app and its HTTP API: the page, `POST /api/identify` and what belongs to it.

`mineralid.web.app.create_app` makes the app, `mineralid serve` runs it. Needs the extra `web`.
"""
