#include "publisher/simulator/ledger.h"

#include <stdlib.h>
#include <string.h>

struct moment {
	struct ledger_when when;
	uint64_t amount;
};

/* What one party did that one rule limits. */
struct account {
	uint64_t party; /* address or connection; 0: free */
	struct moment *moments;
	size_t first, n, room; /* a ring */
};

struct page { /* of a rule */
	struct account *accounts;
	size_t n;
	uint64_t events, most, violations;
};

struct ledger {
	const struct ledger_rule *rules;
	size_t n_rules;
	struct page *pages;
	uint64_t addresses[LEDGER_ADDRESSES];
	size_t n_addresses;
	uint64_t address, connection;
	struct ledger_when when;
};

/* ------------------------------------------------------------------ life */

bc_status ledger_new(struct ledger **out, const struct ledger_rule *rules, size_t n_rules)
{
	struct ledger *l = calloc(1, sizeof *l);

	if (l == NULL || (l->pages = calloc(n_rules + 1, sizeof *l->pages)) == NULL) {
		free(l);
		return BC_ENOMEM;
	}
	l->rules = rules;
	l->n_rules = n_rules;
	*out = l;
	return BC_OK;
}

void ledger_free(struct ledger **ledger)
{
	struct ledger *l = *ledger;

	*ledger = NULL;
	if (l == NULL)
		return;
	for (size_t i = 0; i < l->n_rules; i++) {
		for (size_t k = 0; k < l->pages[i].n; k++)
			free(l->pages[i].accounts[k].moments);
		free(l->pages[i].accounts);
	}
	free(l->pages);
	free(l);
}

/* ------------------------------------------------------------------ parties */

static uint64_t number_of(struct ledger *l, const char *address)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *address != '\0'; address++)
		hash = (hash ^ (unsigned char)*address) * UINT64_C(0x100000001b3);
	hash |= 1;
	for (size_t i = 0; i < l->n_addresses; i++)
		if (l->addresses[i] == hash)
			return hash;
	if (l->n_addresses == LEDGER_ADDRESSES)
		return 1; /* all the others together */
	l->addresses[l->n_addresses++] = hash;
	return hash;
}

void ledger_about(struct ledger *l, const char *address, uint64_t connection,
		  struct ledger_when when)
{
	if (l == NULL)
		return;
	l->address = number_of(l, address);
	l->connection = connection;
	l->when = when;
}

static struct account *account_of(struct page *page, uint64_t party)
{
	struct account *free_one = NULL, *all;

	for (size_t i = 0; i < page->n; i++) {
		if (page->accounts[i].party == party)
			return &page->accounts[i];
		if (page->accounts[i].party == 0)
			free_one = &page->accounts[i];
	}
	if (free_one == NULL) {
		all = realloc(page->accounts, (page->n + 1) * sizeof *all);
		if (all == NULL)
			return NULL;
		page->accounts = all;
		free_one = &all[page->n++];
		*free_one = (struct account){ 0 };
	}
	free_one->party = party;
	return free_one;
}

void ledger_gone(struct ledger *l, uint64_t connection)
{
	for (size_t i = 0; l != NULL && i < l->n_rules; i++)
		for (size_t k = 0; l->rules[i].a_connection && k < l->pages[i].n; k++) {
			struct account *a = &l->pages[i].accounts[k];

			if (a->party == connection)
				a->party = a->n = a->first = 0;
		}
}

/* ------------------------------------------------------------------ counting */

static bool grow(struct account *a)
{
	size_t room = a->room == 0 ? 16 : a->room * 2;
	struct moment *moments;

	if (room > LEDGER_MOMENTS)
		return false;
	moments = malloc(room * sizeof *moments);
	if (moments == NULL)
		return false;
	for (size_t i = 0; i < a->n; i++)
		moments[i] = a->moments[(a->first + i) % a->room];
	free(a->moments);
	a->moments = moments;
	a->room = room;
	a->first = 0;
	return true;
}

static void remember(struct account *a, struct ledger_when when, uint64_t amount)
{
	if (a->n == a->room && !grow(a)) {
		if (a->room == 0)
			return;
		a->first = (a->first + 1) % a->room; /* far more than any limit */
		a->n--;
	}
	a->moments[(a->first + a->n++) % a->room] = (struct moment){ when, amount };
}

/* What came certainly, or by our clock, within the window that ends now. */
static uint64_t within(const struct account *a, int64_t now_ns, int64_t window_ns, bool certainly)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < a->n; i++) {
		const struct moment *m = &a->moments[(a->first + i) % a->room];
		int64_t at = certainly ? m->when.earliest_ns : m->when.latest_ns;

		if (now_ns - at < window_ns)
			sum += m->amount;
	}
	return sum;
}

static void forget(struct account *a, int64_t before_ns)
{
	while (a->n > 0 && a->moments[a->first].when.latest_ns <= before_ns) {
		a->first = (a->first + 1) % a->room;
		a->n--;
	}
}

static void judge(struct page *page, const struct ledger_rule *rule, uint64_t certain,
		  uint64_t seen)
{
	if (seen > page->most)
		page->most = seen;
	if (certain > rule->limit)
		page->violations++;
}

static void enter(struct ledger *l, size_t i, uint64_t amount)
{
	const struct ledger_rule *rule = &l->rules[i];
	struct page *page = &l->pages[i];
	uint64_t party = rule->a_connection ? l->connection : l->address;
	struct account *a;
	int64_t now = l->when.latest_ns;

	page->events++;
	if (rule->window_ns == 0) {
		judge(page, rule, amount, amount);
		return;
	}
	a = party == 0 ? NULL : account_of(page, party);
	if (a == NULL)
		return;
	forget(a, now - rule->window_ns);
	remember(a, l->when, amount);
	judge(page, rule, within(a, now, rule->window_ns, true),
	      within(a, now, rule->window_ns, false));
}

static bool applies(const struct ledger_rule *rule, enum ledger_what what, const char *group)
{
	if (what == LEDGER_CONTROLS)
		return rule->what == LEDGER_MESSAGES && rule->controls;
	return rule->what == what &&
	       (rule->group == NULL || (group != NULL && strcmp(rule->group, group) == 0));
}

void ledger_count(struct ledger *l, enum ledger_what what, const char *group, uint64_t amount)
{
	for (size_t i = 0; l != NULL && i < l->n_rules; i++)
		if (applies(&l->rules[i], what, group))
			enter(l, i, amount);
}

/* ------------------------------------------------------------------ telling */

uint64_t ledger_violations(const struct ledger *l)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < l->n_rules; i++)
		sum += l->pages[i].violations;
	return sum;
}

void ledger_put(const struct ledger *l, struct sim_buffer *out)
{
	sim_buffer_printf(out, "{\"violations\":%llu,\"addresses\":%zu,\"rules\":[",
			  (unsigned long long)ledger_violations(l), l->n_addresses);
	for (size_t i = 0; i < l->n_rules; i++) {
		const struct ledger_rule *rule = &l->rules[i];
		const struct page *page = &l->pages[i];

		sim_buffer_text(out, i > 0 ? ",{\"name\":" : "{\"name\":");
		sim_buffer_json(out, bc_str_of(rule->name));
		sim_buffer_printf(out, ",\"of\":\"%s\",\"limit\":%u,\"window_s\":%lld",
				  rule->a_connection ? "connection" : "address", rule->limit,
				  (long long)(rule->window_ns / BC_NS_PER_S));
		sim_buffer_printf(out, ",\"events\":%llu,\"most\":%llu,\"violations\":%llu}",
				  (unsigned long long)page->events, (unsigned long long)page->most,
				  (unsigned long long)page->violations);
	}
	sim_buffer_text(out, "]}");
}
