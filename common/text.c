#include "common/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct bc_text bc_text_on(char *buffer, size_t cap)
{
	buffer[0] = '\0';
	return (struct bc_text){ buffer, 0, cap, false };
}

void bc_text_add(struct bc_text *t, bc_str s)
{
	size_t room = t->cap - t->n - 1;
	if (s.n > room) {
		t->cut = true;
		s.n = room;
	}
	if (s.n > 0)
		memcpy(t->p + t->n, s.p, s.n);
	t->n += s.n;
	t->p[t->n] = '\0';
}

void bc_text_addf(struct bc_text *t, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	size_t room = t->cap - t->n;
	int wanted = vsnprintf(t->p + t->n, room, format, args);
	va_end(args);
	if (wanted < 0)
		return;
	if ((size_t)wanted >= room) {
		t->cut = true;
		t->n = t->cap - 1;
	} else {
		t->n += (size_t)wanted;
	}
}

/* ------------------------------------------------------------------ foreign bytes */

/* Bytes of the UTF-8 character at s that may be printed as they are, or 0. */
static size_t printable(bc_str s)
{
	unsigned char c = (unsigned char)s.p[0];
	if (c == '"' || c == '\\' || c < 0x20 || c == 0x7f)
		return 0;
	if (c < 0x80)
		return 1;
	size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
	if (n > s.n || !bc_utf8_valid(s.p, n))
		return 0;
	if (c == 0xc2 && (unsigned char)s.p[1] < 0xa0) /* C1 controls: some terminals obey them */
		return 0;
	return n;
}

/* Two digits a division. */
void bc_text_add_int(struct bc_text *t, int64_t number)
{
	static const char pairs[] = "0001020304050607080910111213141516171819"
				    "2021222324252627282930313233343536373839"
				    "4041424344454647484950515253545556575859"
				    "6061626364656667686970717273747576777879"
				    "8081828384858687888990919293949596979899";
	char digits[24], *end = digits + sizeof digits, *p = end;
	uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
	for (; rest >= 10; rest /= 100) {
		p -= 2;
		memcpy(p, &pairs[2 * (rest % 100)], 2);
	}
	if (rest > 0 || p == end)
		*--p = (char)('0' + rest);
	if (number < 0)
		*--p = '-';
	bc_text_add(t, (bc_str){ p, (size_t)(end - p) });
}

void bc_text_add_escaped(struct bc_text *t, bc_str s, size_t max)
{
	static const char named[] = "\"\\\n\r\t", names[] = "\"\\nrt";
	size_t taken = 0;
	while (taken < s.n) {
		bc_str rest = { s.p + taken, s.n - taken };
		size_t n = printable(rest);
		if (taken + (n ? n : 1) > max) {
			bc_text_add(t, BC_STR("..."));
			return;
		}
		const char *name = rest.p[0] ? strchr(named, rest.p[0]) : NULL;
		if (n > 0)
			bc_text_add(t, (bc_str){ rest.p, n });
		else if (name != NULL)
			bc_text_addf(t, "\\%c", names[name - named]);
		else
			bc_text_addf(t, "\\x%02x", (unsigned)(unsigned char)rest.p[0]);
		taken += n ? n : 1;
	}
}

/* ------------------------------------------------------------------ durations */

static const struct {
	const char *word;
	int64_t ns;
} units[] = { /* largest first */
	      { "d", 86400 * BC_NS_PER_S },
	      { "h", 3600 * BC_NS_PER_S },
	      { "m", 60 * BC_NS_PER_S },
	      { "s", BC_NS_PER_S },
	      { "ms", BC_NS_PER_MS },
	      { "us", BC_NS_PER_US },
	      { "ns", 1 }
};
#define N_UNITS (sizeof units / sizeof *units)

bc_status bc_duration_parse(bc_str text, int64_t *ns)
{
	int64_t whole = 0, fraction = 0, scale = 1;
	size_t i = 0, digits = 0;
	bool point = false;
	for (; i < text.n; i++) {
		char c = text.p[i];
		if (c == '.' && !point && digits > 0) {
			point = true;
			continue;
		}
		if (c < '0' || c > '9')
			break;
		digits++;
		if (point && scale < BC_NS_PER_S * 1000000) {
			fraction = fraction * 10 + (c - '0');
			scale *= 10;
		} else if (point) {
			if (c != '0')
				return BC_ERANGE;
		} else if (__builtin_mul_overflow(whole, 10, &whole) ||
			   __builtin_add_overflow(whole, c - '0', &whole)) {
			return BC_ERANGE;
		}
	}
	if (digits == 0 || (i > 0 && text.p[i - 1] == '.'))
		return BC_EPARSE;
	bc_str unit = { text.p + i, text.n - i };
	for (size_t u = 0; u < N_UNITS; u++) {
		int64_t total, part;
		if (!bc_str_is(unit, units[u].word))
			continue;
		__int128 exact = (__int128)fraction * units[u].ns;
		if (exact % scale != 0 || __builtin_mul_overflow(whole, units[u].ns, &total))
			return BC_ERANGE;
		part = (int64_t)(exact / scale);
		return __builtin_add_overflow(total, part, ns) ? BC_ERANGE : BC_OK;
	}
	return BC_EPARSE;
}

size_t bc_duration_format(int64_t ns, char out[BC_DURATION_TEXT_MAX])
{
	size_t u = N_UNITS - 1;
	if (ns == 0)
		return (size_t)snprintf(out, BC_DURATION_TEXT_MAX, "0s");
	for (size_t i = N_UNITS; i-- > 1;) /* days read badly in settings: "24h" */
		if (ns % units[i].ns == 0)
			u = i;
	return (size_t)snprintf(out, BC_DURATION_TEXT_MAX, "%lld%s", (long long)(ns / units[u].ns),
				units[u].word);
}

size_t bc_duration_round(int64_t ns, char out[BC_DURATION_TEXT_MAX])
{
	struct bc_text t = bc_text_on(out, BC_DURATION_TEXT_MAX);
	if (ns < 0)
		bc_text_add(&t, BC_STR("-"));
	uint64_t n = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
	size_t u = 0;
	while (u < N_UNITS - 1 && n < (uint64_t)units[u].ns)
		u++;
	uint64_t unit = (uint64_t)units[u].ns, whole = n / unit;
	if (n == 0) {
		bc_text_add(&t, BC_STR("0s"));
	} else if (u < 3) { /* two units: 3m12s */
		bc_text_addf(&t, "%llu%s", (unsigned long long)whole, units[u].word);
		uint64_t minor = n % unit / (uint64_t)units[u + 1].ns;
		if (minor > 0)
			bc_text_addf(&t, "%llu%s", (unsigned long long)minor, units[u + 1].word);
	} else {
		int decimals = whole >= 100 || unit == 1 ? 0 : whole >= 10 ? 1 : 2;
		uint64_t step = unit / (decimals == 2 ? 100 : decimals == 1 ? 10 : 1);
		uint64_t cut = n / step; /* cut, not rounded: 999.9ms must not read 1000ms */
		char digits[BC_DURATION_TEXT_MAX];
		uint64_t base = decimals == 2 ? 100 : decimals == 1 ? 10 : 1;
		snprintf(digits, sizeof digits, "%0*llu", decimals,
			 (unsigned long long)(cut % base));
		size_t keep = (size_t)decimals;
		while (keep > 0 && digits[keep - 1] == '0')
			keep--;
		bc_text_addf(&t, "%llu%s%.*s%s", (unsigned long long)whole, keep ? "." : "",
			     (int)keep, digits, units[u].word);
	}
	return t.n;
}

/* ------------------------------------------------------------------ did you mean */

#define WORD_MAX 40

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Edits (insert, delete, replace, swap of neighbours) from a to b. */
static unsigned distance(const char *a, size_t n, const char *b, size_t m)
{
	unsigned d[WORD_MAX + 1][WORD_MAX + 1];
	for (size_t i = 0; i <= n; i++)
		d[i][0] = (unsigned)i;
	for (size_t j = 0; j <= m; j++)
		d[0][j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++)
		for (size_t j = 1; j <= m; j++) {
			unsigned same = a[i - 1] == b[j - 1] ? 0 : 1;
			d[i][j] =
				least(least(d[i - 1][j], d[i][j - 1]) + 1, d[i - 1][j - 1] + same);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
		}
	return d[n][m];
}

const char *bc_text_nearest(const char *word, const char *const *known, size_t n)
{
	const char *best = NULL;
	size_t length = strlen(word);
	unsigned best_edits = (unsigned)(length / 3 + 1); /* more edits than this: another word */
	if (length == 0 || length > WORD_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t m = strlen(known[i]);
		if (m > WORD_MAX)
			continue;
		/* the tail of a dotted key alone ("levels" for "book.levels") is a near miss */
		bool tail = m > length + 1 && known[i][m - length - 1] == '.' &&
			    memcmp(known[i] + m - length, word, length) == 0;
		unsigned edits = tail ? 1 : distance(word, length, known[i], m);
		if (edits < best_edits || (edits == best_edits && best == NULL)) {
			best = known[i];
			best_edits = edits;
		}
	}
	return best;
}
