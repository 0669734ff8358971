"""The lab wing: everything that needs torch. It writes model bundles; the field wing reads them."""
