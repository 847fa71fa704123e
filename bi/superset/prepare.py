"""Run by Superset's own Python: makes its metadata ready and imports the files.

    python prepare.py BUNDLE.zip

Creates or upgrades the metadata database, the roles, and the login of PERPMILL_SUPERSET_LOGIN
(`name:password`), then imports the bundle over what is there. One process, since each start of
Superset takes seconds.
"""

import os
import sys
import zipfile
from pathlib import Path

# Not in the environment that types are checked in.
from flask_migrate import upgrade  # type: ignore[import-untyped]
from superset.app import create_app  # type: ignore[import-not-found]


def contents(bundle: Path) -> dict[str, str]:
    """The bundle's files as Superset's import wants them, with their type: all kinds of things,
    each replacing what has its UUID."""
    with zipfile.ZipFile(bundle) as archive:
        found = {name.partition("/")[2]: archive.read(name).decode() for name in archive.namelist()}
    found["metadata.yaml"] = found["metadata.yaml"].replace("type: Dashboard", "type: assets")
    return found


def main(bundle: Path) -> None:
    app = create_app()
    with app.app_context():
        import superset  # type: ignore[import-not-found]  # noqa: PLC0415 - needs the app

        upgrade(directory=str(Path(superset.__file__).parent / "migrations"))
        app.appbuilder.add_permissions(update_perms=True)
        superset.security_manager.sync_role_definitions()
        name, _, password = os.environ["PERPMILL_SUPERSET_LOGIN"].partition(":")
        user = superset.security_manager.find_user(name)
        if user is None:
            admin = superset.security_manager.find_role("Admin")
            user = superset.security_manager.add_user(
                name, "Perpmill", "Reader", f"{name}@localhost", admin, password
            )
        else:
            superset.security_manager.reset_password(user.id, password)
        from superset.commands.importers.v1.assets import (  # type: ignore[import-not-found]  # noqa: PLC0415 - needs the app
            ImportAssetsCommand,
        )
        from superset.utils.core import (  # type: ignore[import-not-found]  # noqa: PLC0415 - needs the app
            override_user,
        )

        with override_user(user):
            ImportAssetsCommand(contents(bundle)).run()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
