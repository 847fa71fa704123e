"""Settings of the Superset that `bi.superset.up` starts, and a place to copy from for another.

Read by Superset (SUPERSET_CONFIG_PATH), in an environment of its own. Its metadata, its secret key
and nothing else lie in the folder PERPMILL_SUPERSET_HOME.
"""

import os
import secrets
from pathlib import Path

HOME = Path(os.environ["PERPMILL_SUPERSET_HOME"])


def _secret_key() -> str:
    """From the environment, else made once and kept: a new one would end every session."""
    if given := os.environ.get("SUPERSET_SECRET_KEY"):
        return given
    kept = HOME / "secret_key"
    if not kept.exists():
        kept.touch(mode=0o600)
        kept.write_text(secrets.token_urlsafe(48), encoding="ascii")
    return kept.read_text(encoding="ascii")


SECRET_KEY = _secret_key()
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
