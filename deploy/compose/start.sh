#!/bin/bash
# Usage: start code|daemon|web, or any other command. Dagster's settings are those of the image, in every container.
set -euo pipefail
ln -sfn /opt/bioinfo-assets/dagster.yaml "$DAGSTER_HOME/dagster.yaml"
workspace=/opt/bioinfo-assets/workspace.yaml
case ${1-} in
code)
    python -m bioinfo_assets.orchestration.code_server_watch 4000 &
    exec dagster code-server start --host 0.0.0.0 --port 4000 --module-name bioinfo_assets.definitions \
        --location-name bioinfo_assets --inject-env-vars-from-instance ;;
daemon) exec dagster-daemon run --workspace "$workspace" ;;
web) exec python -m bioinfo_assets.web --behind-authentication --host 0.0.0.0 --port 3000 --workspace "$workspace" ;;
*) exec "$@" ;;
esac
