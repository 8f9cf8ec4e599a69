#!/bin/sh
# What the image holds, made under a prefix; to be run from the root of the sources. The Dockerfile runs
# it, and so do the tests with another prefix: what is tested is what is built.
#
#   build.sh locked PREFIX   an environment with every package of requirements.lock
#   build.sh ours PREFIX     our own wheel in it, and nothing left that only building or developing needs
set -eu

step=${1:?locked or ours}
prefix=${2:?the directory to install into}

# Whose environment it is, and whose pip works on it: it has none of its own.
python=${PYTHON:-python3}
builder=${BUILDER:-$python}

pip() {
  "$builder" -m pip --python "$prefix/bin/python" --quiet --disable-pip-version-check --no-input "$@"
}

# Each file against its hash, and ready-made: no compiler is needed, and no setup.py of a stranger is run.
locked() {
  "$python" -m venv --without-pip "$prefix"
  pip install --no-compile --no-deps --require-hashes --only-binary :all: --requirement requirements.lock
}

ours() {
  wheels=$(mktemp -d)
  # hatchling is among the locked packages: a build that is not isolated fetches nothing.
  pip wheel --no-build-isolation --no-deps --wheel-dir "$wheels" .
  pip install --no-compile --no-index --no-deps "$wheels"/promptcast-*.whl
  rm -r "$wheels"
  "$prefix/bin/python" deploy/container/unneeded.py >"$prefix/unneeded.txt"
  pip uninstall --yes --requirement "$prefix/unneeded.txt"
  rm "$prefix/unneeded.txt"
  # Byte code for what is left. Nobody can change the sources, so no start compares their times, which an
  # image's layers need not keep.
  "$prefix/bin/python" -m compileall -q -j 0 --invalidation-mode unchecked-hash "$prefix/lib"
  # Everybody may read it, and nobody changes it: not even a service that was taken over.
  chmod -R a+rX,a-w "$prefix"
}

case $step in
  locked | ours) "$step" ;;
  *) echo "build.sh: locked or ours, not $step" >&2; exit 2 ;;
esac
