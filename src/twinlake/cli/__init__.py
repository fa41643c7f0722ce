"""The command line. It talks to a site over HTTP; only `init`, `serve` and `admin` touch a site's folder."""
