"""Files before any engine: conversion, preflight, freezing a batch, the ledger, archiving. boto3 only."""
