# The protocol handlers dslite and ipip6 of package ds-lite. The stand-in's netifd has them built in and
# offers them while this file is here.
