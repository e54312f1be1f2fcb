#include "base/ask.h"

const uint8_t **ask_octets(struct ask *ask, size_t *ret_len)
{
	*ret_len = 0;
	if (ask->kind == ASK_FILE && ask->file.op != FILE_READ) {
		*ret_len = ask->file.len;
		return &ask->file.data;
	}
	if (ask->kind == ASK_CONF) {
		*ret_len = ask->conf.len;
		return &ask->conf.data;
	}
	if (ask->kind == ASK_TRANSFER) {
		*ret_len = ask->transfer.len;
		return &ask->transfer.data;
	}
	return NULL;
}
