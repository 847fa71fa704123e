"""Settings of the Superset that `bi.superset.up` starts, and a place to copy from for another.

Read by Superset (SUPERSET_CONFIG_PATH), in an environment of its own. Its metadata lie in
PERPMILL_SUPERSET_HOME, a folder; SUPERSET_SECRET_KEY signs the sessions.
"""

import os
from pathlib import Path

HOME = Path(os.environ["PERPMILL_SUPERSET_HOME"])
SECRET_KEY = os.environ["SUPERSET_SECRET_KEY"]
if not SECRET_KEY.strip():
    raise ValueError("SUPERSET_SECRET_KEY is empty: anybody could sign a session")
SQLALCHEMY_DATABASE_URI = f"sqlite:///{HOME / 'superset.db'}"
APP_NAME = "Perpmill"

# Answers are not kept: a query costs DuckDB less than a look into a cache, and after a publish or
# a rollback the next one sees the new build. Connections are not kept either: Superset opens one a
# query (NullPool), and DuckDB follows the link to the build of that moment.
CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}
DATA_CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}

FEATURE_FLAGS = {
    "ALERT_REPORTS": False,
    "THUMBNAILS": False,
    "THUMBNAILS_SQLA_LISTENER": False,
    # Charts below the screen are drawn too: a page printed or photographed is whole.
    "DASHBOARD_VIRTUALIZATION": False,
}

# Light and dark as the reader's system is (Superset has both; the menu at the top right changes).
ENABLE_UI_THEME_ADMINISTRATION = False
# The page may ask this server only. Superset's own pages hold a telemetry pixel, which no setting
# takes out of the built packages: the browser refuses to fetch it.
TALISMAN_CONFIG = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "script-src": ["'self'", "'strict-dynamic'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,
    "session_cookie_secure": False,
}
# Local, one reader: no limits shared between processes, which would want a Redis.
RATELIMIT_ENABLED = False
SESSION_COOKIE_SAMESITE = "Lax"
