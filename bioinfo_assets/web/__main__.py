"""Dagster's web server with the files of results.

    python -m bioinfo_assets.web [--behind-authentication] OPTIONS

The options are those of `dagster-webserver`. With `--behind-authentication`, the server answers under any name, as that
of a proxy. `DAGSTER_HOME` is the home of the project.
"""

import sys
from typing import Any, Final

from dagster_webserver import cli
from starlette.applications import Starlette

from bioinfo_assets.errors import BioinfoAssetsError
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.settings import home_from_environment, home_of, load
from bioinfo_assets.storage.store import Store
from bioinfo_assets.web.igv_links import IgvLinks
from bioinfo_assets.web.result_files import ResultFiles
from bioinfo_assets.web.same_site import SameSiteOnly

BEHIND_AUTHENTICATION: Final = "--behind-authentication"


def main() -> None:
    """Start it."""
    try:
        output_path = load(home_from_environment()).output_path
        files = ResultFiles(OutputLayout(output_path), home_of(output_path))
        links = IgvLinks(Ledger(Store(), output_path))
    except BioinfoAssetsError as error:
        sys.exit(f"bioinfo-assets: {error}")
    is_behind_proxy = BEHIND_AUTHENTICATION in sys.argv
    sys.argv = [argument for argument in sys.argv if argument != BEHIND_AUTHENTICATION]
    create = cli.create_app_from_workspace_process_context  # type: ignore[attr-defined] # what the server imports

    def create_with_results(*arguments: Any, **options: Any) -> Starlette:  # noqa: ANN401 - Dagster's own
        app = create(*arguments, **options)
        app.router.routes[:0] = [files.route, links.route]  # before Dagster's, the last of which takes any path
        app.add_middleware(SameSiteOnly, any_host=is_behind_proxy)
        return app

    cli.create_app_from_workspace_process_context = create_with_results  # type: ignore[attr-defined]
    cli.main()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
