#!/bin/bash
while [[ $1 == --* ]]; do shift; done
exec "$@"
