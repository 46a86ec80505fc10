# Reads NSS's certdata.txt; writes the certificates that may vouch for servers, as PEM, in the order of the file.
#
# The file is a list of objects: certificates, and what each is trusted for. Issuer and serial number tell which
# belong together, as they do in NSS. In: CKA_TRUST_SERVER_AUTH is CKT_NSS_TRUSTED_DELEGATOR. Out: all others.
#
# CKA_NSS_SERVER_DISTRUST_AFTER is the date from which NSS accepts nothing new that the authority issues. PEM has no
# place for a date, so a certificate whose date has passed at the release of the list (-v release=YYYYMMDD) is left
# out: better than to trust it for ever. What it issued before the date fails here earlier than it does in browsers.

BEGIN {
	alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for (i = 0; i < 256; i++) octet[sprintf("%03o", i)] = i
}

/^CKA_CLASS / { class = $3 }

/^CKA_LABEL / { label = substr($0, index($0, "\"") + 1); sub(/"$/, "", label) }

$2 == "MULTILINE_OCTAL" {
	field = $1
	text = ""
	while ((getline) > 0 && $0 != "END") text = text $0
	if (field == "CKA_ISSUER") issuer = text
	if (field == "CKA_SERIAL_NUMBER") key = issuer " " text
	if (field == "CKA_VALUE" && class == "CKO_CERTIFICATE") { keys[++count] = key; value[count] = text; name[count] = label }
	if (field == "CKA_NSS_SERVER_DISTRUST_AFTER") end[count] = date(text)
}

/^CKA_TRUST_SERVER_AUTH / { trust[key] = $3 }

END {
	for (i = 1; i <= count; i++) {
		if (trust[keys[i]] != "CKT_NSS_TRUSTED_DELEGATOR") continue
		if (i in end && end[i] <= release) continue
		printf "# %s\n-----BEGIN CERTIFICATE-----\n%s-----END CERTIFICATE-----\n", name[i], base64(value[i])
	}
}

# The day of a UTCTime (RFC 5280, 4.1.2.5.1: YYMMDDHHMMSSZ) as a number: YYYYMMDD.
function date(text,  byte, i, day) {
	split(text, byte, "\\")
	for (i = 2; i <= 7; i++) day = day (octet[byte[i]] - 48)
	return (day < 500000 ? 20000000 : 19000000) + day
}

# RFC 4648, in lines of 64 characters.
function base64(text,  byte, n, i, bits, out, lines) {
	n = split(text, byte, "\\")
	for (i = 2; i <= n; i += 3) {
		bits = octet[byte[i]] * 65536 + octet[byte[i + 1]] * 256 + octet[byte[i + 2]]
		out = out letter(bits / 262144) letter(bits / 4096) (i < n ? letter(bits / 64) : "=") (i + 1 < n ? letter(bits) : "=")
		if (length(out) == 64) { lines = lines out "\n"; out = "" }
	}
	return lines (out == "" ? "" : out "\n")
}

function letter(bits) { return substr(alphabet, int(bits) % 64 + 1, 1) }
