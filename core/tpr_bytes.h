/* SPDX-License-Identifier: GPL-2.0-only */
/* Big-endian fields, as all of SCSI has them. */
#ifndef TPR_BYTES_H
#define TPR_BYTES_H

#include "tpr_base.h"

static inline u16 tpr_be16(const u8 *p)
{
	return (u16)(p[0] << 8 | p[1]);
}

static inline u32 tpr_be32(const u8 *p)
{
	return (u32)tpr_be16(p) << 16 | tpr_be16(p + 2);
}

static inline u64 tpr_be64(const u8 *p)
{
	return (u64)tpr_be32(p) << 32 | tpr_be32(p + 4);
}

static inline void tpr_put_be16(u8 *p, u16 v)
{
	p[0] = (u8)(v >> 8);
	p[1] = (u8)v;
}

static inline void tpr_put_be32(u8 *p, u32 v)
{
	tpr_put_be16(p, (u16)(v >> 16));
	tpr_put_be16(p + 2, (u16)v);
}

static inline void tpr_put_be64(u8 *p, u64 v)
{
	tpr_put_be32(p, (u32)(v >> 32));
	tpr_put_be32(p + 4, (u32)v);
}

#endif
