#!/bin/bash
# nginx, which asks for the name and password of a user of Dagit.
set -euo pipefail
printf '%s:%s\n' "$DAGIT_USER" "$(openssl passwd -apr1 -stdin <<<"$DAGIT_PASSWORD")" >/etc/nginx/users
chown root:www-data /etc/nginx/users
chmod 640 /etc/nginx/users
exec nginx -g 'daemon off;'
