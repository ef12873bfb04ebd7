/** Which documents are listed: by state and by kind. */

import { useQuery } from '@tanstack/react-query';
import { SelectField } from '@/components/select-field';
import { useText } from '@/lib/i18n/context';
import { present } from '@/lib/search-params';
import { useApi } from '@/lib/services';
import styles from './filters.module.css';
import { kindsQuery, type ListWanted } from './queries';
import { isState, STATES } from './states';

interface Props {
  readonly filters: ListWanted;
  readonly onChange: (filters: ListWanted) => void;
}

export function Filters({ filters, onChange }: Props) {
  const t = useText();
  const known = useQuery(kindsQuery(useApi())).data ?? [];
  const kinds = filters.kind && !known.includes(filters.kind) ? [filters.kind, ...known] : known;
  const any = ['', t('common.any')] as const;
  return (
    <search className={styles.filters}>
      <SelectField
        label={t('documents.filter.state')}
        value={filters.state ?? ''}
        options={[any, ...STATES.map((one) => [one, t(`documents.state.${one}`)] as const)]}
        onChange={(value) => onChange(present({ ...filters, state: isState(value) ? value : undefined }))}
      />
      <SelectField
        label={t('documents.filter.kind')}
        value={filters.kind ?? ''}
        options={[any, ...kinds.map((one) => [one, one] as const)]}
        onChange={(value) => onChange(present({ ...filters, kind: value || undefined }))}
      />
    </search>
  );
}
