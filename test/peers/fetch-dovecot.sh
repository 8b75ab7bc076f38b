#!/bin/sh
# Unpacks Debian's Dovecot and the libraries it needs into .cache/peers/dovecot, without installing anything:
# the package conflicts with other IMAP servers' packages, and would start a daemon. Run it once, after apt-get update.
set -eu
target=$(cd "$(dirname "$0")/../.." && pwd)/.cache/peers/dovecot
packages="dovecot-core dovecot-imapd dovecot-lmtpd libsodium23 libexttextcat-2.0-0 liblua5.3-0 libstemmer0d libunwind8
libwrap0 libapparmor1 liblz4-1 libzstd1"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -qq -o APT::Sandbox::User=root download $packages
mkdir -p "$target"
for deb in *.deb; do dpkg -x "$deb" "$target"; done
# Only programs and libraries are of use; documentation is not.
rm -rf "$target/usr/share/doc" "$target/usr/share/man"
triplet=$(uname -m)-linux-gnu
missing=$(LD_LIBRARY_PATH=$target/usr/lib/dovecot:$target/usr/lib/dovecot/modules/old-stats:$target/usr/lib/$triplet:$target/lib/$triplet \
  ldd "$target/usr/sbin/dovecot" "$target/usr/lib/dovecot/imap" "$target/usr/lib/dovecot/lmtp" \
  "$target/usr/lib/dovecot/auth" | grep 'not found' | sort -u || true)
if [ -n "$missing" ]; then
  echo "libraries still missing:" "$missing" >&2
  exit 1
fi
echo "Dovecot is in $target"
