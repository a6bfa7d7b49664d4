/* words.c - the tables of enums.def: numbers to words and back. */
#include "proto/message.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char *const channel_words[] = {
#define X(number, name, word, welcome) [number] = word,
	BC_CHANNEL_ROWS(X)
#undef X
};

static const char *const state_words[] = {
#define X(number, name, word, fitness) [number] = word,
	BC_STATE_ROWS(X)
#undef X
};

static const char *const reason_words[] = {
#define X(number, name, word) [number] = word,
	BC_REASON_ROWS(X)
#undef X
};

static const char *const flag_words[] = {
#define X(number, name, word) [number] = word,
	BC_FLAG_ROWS(X)
#undef X
};

static const char *const side_words[] = {
#define X(number, name, word) [number] = word,
	BC_SIDE_ROWS(X)
#undef X
};

static const char *const kind_words[] = {
#define X(number, name, word) [number] = word,
	BC_KIND_ROWS(X)
#undef X
};

static const char *const listing_words[] = {
#define X(number, name, word) [number] = word,
	BC_LISTING_ROWS(X)
#undef X
};

static const char *const interval_words[] = {
#define X(number, name, word) [number] = word,
	BC_INTERVAL_ROWS(X)
#undef X
};

enum welcome { NOT_WELCOMED, WELCOMED };

static const enum welcome channel_welcome[] = {
#define X(number, name, word, welcome) [number] = (welcome),
	BC_CHANNEL_ROWS(X)
#undef X
};

enum fitness { UNFIT, FIT, FIT_IF_ALLOWED };

static const enum fitness state_fitness[] = {
#define X(number, name, word, fitness) [number] = (fitness),
	BC_STATE_ROWS(X)
#undef X
};

static const char *word_at(const char *const *words, size_t n, unsigned number)
{
	return number < n && words[number] != NULL ? words[number] : "?";
}

static int number_of(const char *const *words, size_t n, bc_str word)
{
	for (size_t i = 0; i < n; i++)
		if (words[i] != NULL && bc_str_is(word, words[i]))
			return (int)i;
	return -1;
}

const char *bc_channel_word(unsigned channel)
{
	return word_at(channel_words, COUNT(channel_words), channel);
}

const char *bc_state_word(unsigned state)
{
	return word_at(state_words, COUNT(state_words), state);
}

const char *bc_reason_word(unsigned reason)
{
	return word_at(reason_words, COUNT(reason_words), reason);
}

const char *bc_flag_word(unsigned bit)
{
	return word_at(flag_words, COUNT(flag_words), bit);
}

const char *bc_side_word(unsigned side)
{
	return word_at(side_words, COUNT(side_words), side);
}

const char *bc_kind_word(unsigned kind)
{
	return word_at(kind_words, COUNT(kind_words), kind);
}

const char *bc_listing_word(unsigned listing)
{
	return word_at(listing_words, COUNT(listing_words), listing);
}

const char *bc_interval_word(unsigned interval)
{
	return word_at(interval_words, COUNT(interval_words), interval);
}

int bc_channel_of(bc_str word)
{
	const bc_str candle = BC_STR("candle-");
	if (bc_str_starts(word, candle)) {
		bc_str interval = { word.p + candle.n, word.n - candle.n };
		return bc_interval_of(interval) >= 0 ? BC_CHANNEL_CANDLE : -1;
	}
	int channel = number_of(channel_words, COUNT(channel_words), word);
	return channel == BC_CHANNEL_CANDLE ? -1 : channel;
}

int bc_state_of(bc_str word)
{
	return number_of(state_words, COUNT(state_words), word);
}

int bc_reason_of(bc_str word)
{
	return number_of(reason_words, COUNT(reason_words), word);
}

int bc_interval_of(bc_str word)
{
	return number_of(interval_words, COUNT(interval_words), word);
}

bool bc_channel_welcomed(unsigned channel)
{
	return channel < COUNT(channel_welcome) && channel_welcome[channel] == WELCOMED;
}

bool bc_state_fit(unsigned state)
{
	return state < COUNT(state_fitness) && state_fitness[state] == FIT;
}

bool bc_state_fit_if_rest(unsigned state)
{
	return state < COUNT(state_fitness) && state_fitness[state] != UNFIT;
}
