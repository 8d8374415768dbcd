#!/usr/bin/env bash
# Makes the deployed database ready for the function app: its role, the migration, its grants. May be run again.
set -euo pipefail

help() {
  cat <<'TEXT'
usage: azd hooks run postprovision     ('azd up' and 'azd provision' run it too)

Runs as you, the database's Entra administrator; needs az (signed in), psql 16 or later and .NET 10.
Windows: run it from WSL.

  WITH_SAMPLE_TABLES=true   create the application's tables where they are missing (azd env set WITH_SAMPLE_TABLES true)
  DEPLOYER_IP=a.b.c.d       your public address; unless set, api.ipify.org is asked
TEXT
}

if [ $# -gt 0 ]; then
  help
  case "$1" in -h | --help) exit 0 ;; *) exit 2 ;; esac
fi

infra=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
api_version=2025-08-01

say() { echo "prepare-database.sh: $*" >&2; }

fail() {
  say "$*"
  exit 1
}

need() { # COMMAND ADVICE
  command -v "$1" >/dev/null || fail "$1 is missing: $2"
}

need_tools() {
  local version
  need az "install the Azure CLI, then 'az login'."
  need psql "install the PostgreSQL client 16 or later (Debian, Ubuntu: postgresql-client; macOS: libpq)."
  version=$(psql --version | grep -oE '[0-9]+' | head -n 1)
  # The first that checks the server's certificate against the system's own authorities.
  [ "$version" -ge 16 ] || fail "psql is of version $version; 16 or later is needed."
  [ -n "${DEPLOYER_IP:-}" ] || need curl "install it, or set DEPLOYER_IP to your public address."
  az account show >/dev/null 2>&1 || fail "az is not signed in: run 'az login' as ${POSTGRES_ADMINISTRATOR}."
}

need_settings() {
  local name
  for name in FUNCTION_APP_IDENTITY POSTGRES_SERVER_ID POSTGRES_HOST POSTGRES_DATABASE POSTGRES_ADMINISTRATOR \
    AZURE_OPENAI_ENDPOINT EMBEDDING_MODEL; do
    [ -n "${!name:-}" ] || fail "$name is not set. azd sets it: run 'azd provision' first, then 'azd hooks run postprovision'."
  done
  case "${WITH_SAMPLE_TABLES:-false}" in true | false) ;; *) fail "WITH_SAMPLE_TABLES takes true or false." ;; esac
}

# --- The firewall. Through 'az resource', because 'az postgres' renamed its options between versions.

rule="${POSTGRES_SERVER_ID:-}/firewallRules/prepare-database"

open_firewall() {
  local ip
  ip=${DEPLOYER_IP:-$(curl -fsS --max-time 20 https://api.ipify.org)} || fail "your public address could not be found out: set DEPLOYER_IP."
  [[ "$ip" =~ ^([0-9]{1,3}\.){3}[0-9]{1,3}$ ]] || fail "'$ip' is not an IPv4 address: set DEPLOYER_IP."
  trap close_firewall EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  say "letting $ip through the firewall"
  az resource create --id "$rule" --api-version "$api_version" --output none \
    --properties "{\"startIpAddress\": \"$ip\", \"endIpAddress\": \"$ip\"}"
}

close_firewall() {
  local status=$?
  trap '' INT TERM
  say "closing the firewall"
  az resource delete --ids "$rule" --api-version "$api_version" --output none || {
    say "the firewall rule 'prepare-database' is still there: remove it in the portal, or run this again."
    [ "$status" != 0 ] || status=1
  }
  exit "$status"
}

# --- The database

# Tokens end after an hour or so; each step takes a new one. It goes through the environment alone, which no process list shows.
sign_in() {
  PGPASSWORD=$(az account get-access-token --resource-type oss-rdbms --query accessToken --output tsv) ||
    fail "no token: run 'az login' as $POSTGRES_ADMINISTRATOR."
  export PGPASSWORD
}

sql() { # DATABASE ARGS...
  PGHOST="$POSTGRES_HOST" PGPORT=5432 PGUSER="$POSTGRES_ADMINISTRATOR" PGSSLMODE=verify-full PGSSLROOTCERT=system PGCONNECT_TIMEOUT=10 \
    psql --no-psqlrc --no-password --quiet --set ON_ERROR_STOP=1 --set role="$FUNCTION_APP_IDENTITY" --dbname "$@"
}

# A rule, and an administrator just made, take effect within a minute or two.
wait_for_server() {
  local i answer
  for ((i = 0; i < 20; i++)); do
    answer=$(sql postgres --command 'SELECT 1' 2>&1 >/dev/null) && return
    sleep 6
  done
  fail "the server does not let $POSTGRES_ADMINISTRATOR in: $answer"
}

# Only the database 'postgres' has the function that knows Entra.
create_role() {
  say "the role $FUNCTION_APP_IDENTITY"
  sql postgres --output /dev/null <<'SQL'
SELECT pgaadauth_create_principal(:'role', false, false)
WHERE  NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role');
SQL
}

# With the provider and model of the function app, because the rule that the migration writes down names the model.
migrate() {
  local options=()
  if [ "${WITH_SAMPLE_TABLES:-false}" = true ]; then options+=(--with-sample-tables); fi
  say "the migration"
  # A subshell's own environment: what 'env' is given stands on a command line, and with it the token.
  (
    export DATABASE_URL="Host=$POSTGRES_HOST;Database=$POSTGRES_DATABASE;Username=\"$POSTGRES_ADMINISTRATOR\";Password=\"$PGPASSWORD\";SSL Mode=VerifyFull"
    unset OPENAI_API_KEY OPENAI_BASE_URL EMBEDDING_PROVIDER CORPORA_FILE PGPASSWORD
    exec "$infra/../run" embeddings migrate workspace ${options[@]+"${options[@]}"}
  ) ||
    fail "the migration failed. On a new database: 'azd env set WITH_SAMPLE_TABLES true', then 'azd hooks run postprovision'."
}

grant() {
  say "the grants"
  sql "$POSTGRES_DATABASE" --file "$infra/grants.sql"
}

need_settings
need_tools
open_firewall
sign_in
wait_for_server
create_role
migrate
sign_in
grant
say "the database is ready"
