/** The launcher of an installed tree: one shell file, and a link to it for each name a program has. */

/** Ways of getting from a called name to the program, as bin/launch has them for a checkout. */
export const launcher = `#!/bin/sh
# Starts the program that this file was called by the name of, with the Node beside it. Arguments, descriptors and the
# process id pass through untouched. "cyrus COMMAND [ARGUMENT...]" runs cyr_COMMAND; Cyrus's own names are understood.

fail() {
  echo "$called: $1" >&2
  exit 78
}

called=\${0##*/}
self=$0
while [ -L "$self" ]; do
  target=$(readlink "$self") || exit 78
  case $target in
    /*) self=$target ;;
    *) self=\${self%/*}/$target ;;
  esac
done
case $self in
  */*) here=\${self%/*} ;;
  *) here=. ;;
esac
here=$(CDPATH='' cd -P -- "$here" && pwd) || fail "cannot find the directory of $self"

program_of() {
  case $1 in
    ctl_deliver) program=cyr_ctl_deliver ;;
    check) program=cyr_chk_cyrus ;;
    ctl_*) program=cyr_\${1#ctl_} ;;
    cyrdump) program=cyr_dump ;;
    cyrmaster) program=cyr_master ;;
    cyrdeliver) program=cyr_deliver ;;
    cyr_*) program=$1 ;;
    *) program=cyr_$1 ;;
  esac
}

if [ "$called" = cyrus ]; then
  case \${1:-help} in
    help | -h | --help)
      echo "usage: cyrus COMMAND [ARGUMENT...]"
      echo "Commands:"
      for file in "$here"/cyr_*.mjs; do
        name=\${file##*/cyr_}
        echo "  \${name%.mjs}"
      done
      exit 1
      ;;
    */* | .*) fail "\\"$1\\" is no command name" ;;
  esac
  program_of "$1"
  shift
else
  program_of "$called"
fi

file=$here/$program.mjs
[ -f "$file" ] || fail "$program is not part of this version ($file does not exist)"
if [ -z "\${NODE_COMPILE_CACHE+set}" ]; then
  NODE_COMPILE_CACHE=$here/compile-cache
  export NODE_COMPILE_CACHE
fi
# Node raises its soft descriptor limit to the hard one; master gives foreign programs back what it was started with.
if [ "$program" = cyr_master ]; then
  PASARGAD_SOFT_NOFILE=$(ulimit -Sn)
  export PASARGAD_SOFT_NOFILE
fi
exec "$here/node" --disable-warning=ExperimentalWarning "$file" "$@"
`;
