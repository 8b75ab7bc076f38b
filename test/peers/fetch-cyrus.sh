#!/bin/sh
# Unpacks Debian's Cyrus IMAP and the libraries it needs into .cache/peers/cyrus, without installing anything:
# the package conflicts with other IMAP servers' packages, and would start a daemon. Run it once, after apt-get update.
set -eu
target=$(cd "$(dirname "$0")/../.." && pwd)/.cache/peers/cyrus
packages="cyrus-imapd cyrus-common cyrus-admin cyrus-pop3d cyrus-nntpd cyrus-murder cyrus-replication
libclamav12 libxml2 libical3 libpcre3 libwrap0 libxapian30 libzephyr4 libjansson4 libsqlite3-0 libpq5 libicu72 libldap-2.5-0"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -qq -o APT::Sandbox::User=root download $packages
mkdir -p "$target"
for deb in *.deb; do dpkg -x "$deb" "$target"; done
# Only programs and libraries are of use; documentation is not.
rm -rf "$target/usr/share"
missing=$(LD_LIBRARY_PATH=$target/usr/lib/$(uname -m)-linux-gnu:$target/lib/$(uname -m)-linux-gnu \
  ldd "$target/usr/lib/cyrus/bin/imapd" "$target/usr/lib/cyrus/bin/lmtpd" | grep 'not found' | sort -u || true)
if [ -n "$missing" ]; then
  echo "libraries still missing:" "$missing" >&2
  exit 1
fi
echo "Cyrus is in $target"
